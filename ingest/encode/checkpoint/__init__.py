"""What a model's folder holds, looked at before loading: kind, tokenizer, weights, license."""
