"""What a model's folder holds, looked at before the model is loaded: kind, weights, license."""
