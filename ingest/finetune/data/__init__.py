"""What an encoder learns from: pairs, hard negatives, clicks, one folder of Parquet."""
