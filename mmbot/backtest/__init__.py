"""Runs the very engine, strategy, risk gate and hedger of a live bot on recorded data.

    result = run(load(Path("configs/reference/usdm_btcusdt_riskadverse_timer100ms_touch.yaml")))
    result.summary["pnl"]

Tapes go in, a modelled venue stands where the real one would, and a blotter writes down what came of it.
"""

from mmbot.backtest.run import BacktestResult, run

__all__ = ["BacktestResult", "run"]
