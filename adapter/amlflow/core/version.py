"""The version of v1 whose interface amlflow implements."""

VERSION = "1.61.0"
