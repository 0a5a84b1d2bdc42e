"""The system call write(2), without handing Python's lock to another thread.

``os.write`` lets other threads run meanwhile, and then waits up to five milliseconds until one of
them gives the lock back: a thousand times as long as the call itself takes.
"""

from __future__ import annotations

import ctypes

_libc = ctypes.PyDLL(None)
_libc.write.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t]
_libc.write.restype = ctypes.c_ssize_t

write = _libc.write
"""``write(handle, content, size)`` is how many bytes it has written, or -1."""
