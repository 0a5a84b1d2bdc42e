"""The version of v1 whose interface this is."""

VERSION = "1.61.0"
