"""How an encoder is trained: fine-tuning, adapting, distilling, and the loop they share."""
