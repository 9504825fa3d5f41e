"""From one user's history to recommendations: profile, searches, fusion, reranking, reasons."""
