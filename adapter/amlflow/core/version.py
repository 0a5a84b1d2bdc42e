"""The version of v1 whose interface amlflow has."""

VERSION = "1.61.0"
