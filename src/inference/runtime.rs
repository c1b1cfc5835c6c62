//! Finds, installs and describes ONNX Runtime.
