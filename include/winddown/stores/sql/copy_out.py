"""What PostgreSQL hands out by ``COPY … TO STDOUT``, a message a row, taken straight from libpq.

The driver's own iterator waits anew for every row, which takes several times as long as the server needs for one.
"""

import select
from collections.abc import Generator
from typing import Any

import psycopg
from psycopg.pq import ExecStatus


def handed_out(driver: "psycopg.Connection[Any]", statement: str) -> Generator[memoryview, None, None]:
    """Yield the messages of a statement as they come; the caller has begun whatever transaction it is to be in.

    Whoever stops before the end leaves the transaction failed, and the connection fit for a rollback.

    Raises what the driver raises.
    """
    libpq = driver.pgconn
    begun = libpq.exec_(statement.encode())
    if begun.status != ExecStatus.COPY_OUT:
        raise psycopg.errors.error_from_result(begun)
    is_over = False
    waiting = select.poll()
    waiting.register(libpq.socket, select.POLLIN)
    try:
        while True:
            size, message = libpq.get_copy_data(1)  # without waiting, which would keep other threads from running
            if size > 0:
                yield message
            elif size == 0:
                waiting.poll()
                libpq.consume_input()
            else:
                break
        is_over = True
    finally:
        if not is_over:
            libpq.get_cancel().cancel()
            while libpq.get_copy_data(0)[0] > 0:
                pass
        results = list(iter(libpq.get_result, None))
    for result in results:
        if result.status != ExecStatus.COMMAND_OK:
            raise psycopg.errors.error_from_result(result)
