"""``python -m mmbot`` is ``mmbot``."""

from mmbot.cli import main

if __name__ == "__main__":
    main()
