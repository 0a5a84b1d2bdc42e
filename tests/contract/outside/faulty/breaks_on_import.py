raise RuntimeError("a library of its own is missing")
