"""From answers to recommendations: fusion, order, language slots, reasons."""
