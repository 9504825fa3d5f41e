"""Commands on logs of what users were shown, and did."""
