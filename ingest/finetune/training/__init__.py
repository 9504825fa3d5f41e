"""How it is trained: fine-tuning, adapting, distilling, and the loop they share."""
