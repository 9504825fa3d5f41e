"""From one person's history to recommendations: profile, searches, fusion, reranking, reasons."""
