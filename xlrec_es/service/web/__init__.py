"""What any HTTP service of this project needs: who may ask, how much, and how errors are told."""
