"""Models as files of other programs: C++ and ONNX."""
