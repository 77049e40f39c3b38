"""From a bundle's files to scores: verification, the ONNX sessions, and the score of a history."""
