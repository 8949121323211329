"""Networks whose published weights are loaded strictly: tensors are named as in those files."""
