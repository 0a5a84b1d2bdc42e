"""The frameworks that v1 has a name for."""

from __future__ import annotations


class Framework:
    """What made a model; any other text is a framework, too."""

    CUSTOM = "Custom"
    TENSORFLOW = "TensorFlow"
    SCIKITLEARN = "ScikitLearn"
    ONNX = "Onnx"
    TFKERAS = "TfKeras"
    PYTORCH = "PyTorch"
    MULTI = "Multi"
