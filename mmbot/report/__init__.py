"""What became of a run: figures that add up, a page to look at, and runs side by side.

::

    data = load(Path("runs/demo/20260102T030405.000000Z"))
    figures = analyse(data)
    Path("report.html").write_text(page(data, figures))
"""

from mmbot.report.analyse import analyse
from mmbot.report.compare import compare
from mmbot.report.compare_page import compare_page
from mmbot.report.folder import load
from mmbot.report.page import page
from mmbot.report.run import MarketFacts, RunData

__all__ = ["MarketFacts", "RunData", "analyse", "compare", "compare_page", "load", "page"]
