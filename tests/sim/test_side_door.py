"""The side door over HTTP: faults, the ledger and the limits, from outside of the process."""

from __future__ import annotations

from socket_client import FUTURES, Client


async def test_control_over_http(client: Client):
    base = client.server.spot.rest
    async with client.http.post(f"{base}/sim/faults", json=[{"kind": "drop_frame", "stream": "trade"}]) as response:
        status = await response.json()
        assert status["faults"]["waiting"] == ["drop_frame"]
    async with client.http.post(f"{base}/sim/faults", json={"kind": "drop_frames"}) as response:
        assert response.status == 400
    async with client.http.get(f"{base}/sim/ledger?account=main") as response:
        assert (await response.json())[FUTURES]["balances"]["USDT"] == "100000.00000000"
    async with client.http.get(f"{base}/sim/ledger?account=nobody") as response:
        assert response.status == 400
    async with client.http.delete(f"{base}/sim/limits") as response:
        assert response.status == 200
