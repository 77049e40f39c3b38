"""From a trained model to a bundle: quantization, ONNX graphs, catalogue, card and manifest."""
