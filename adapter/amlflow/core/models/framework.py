"""v1's names of frameworks."""

from __future__ import annotations


class Framework:
    """v1's names of frameworks that make models. You can also use any other text."""

    CUSTOM = "Custom"
    TENSORFLOW = "TensorFlow"
    SCIKITLEARN = "ScikitLearn"
    ONNX = "Onnx"
    TFKERAS = "TfKeras"
    PYTORCH = "PyTorch"
    MULTI = "Multi"
