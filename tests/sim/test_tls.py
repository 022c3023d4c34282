"""The certificate made at start is trusted through its own authority, and through nothing else."""

from __future__ import annotations

import asyncio
import ssl
import stat
from typing import TYPE_CHECKING

import pytest

from mmbot.sim.tls import make_certificate

if TYPE_CHECKING:
    from pathlib import Path


async def _greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"hello")
    writer.close()


async def test_a_client_with_the_ca_file_connects(tmp_path: Path):
    files = make_certificate(tmp_path / "tls")
    assert stat.S_IMODE(files.key_file.stat().st_mode) == 0o600
    server = await asyncio.start_server(_greet, "127.0.0.1", 0, ssl=files.server_context())
    port = server.sockets[0].getsockname()[1]
    async with server:
        for host in ("127.0.0.1", "localhost"):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=files.client_context(), server_hostname=host
            )
            assert await reader.read() == b"hello"
            writer.close()
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.open_connection("127.0.0.1", port, ssl=ssl.create_default_context())
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.open_connection(
                "127.0.0.1", port, ssl=files.client_context(), server_hostname="fapi.binance.com"
            )


def test_made_afresh_over_old_files(tmp_path: Path):
    first = make_certificate(tmp_path).ca_file.read_bytes()
    assert make_certificate(tmp_path).ca_file.read_bytes() != first
