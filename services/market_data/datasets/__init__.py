"""Datasets: importing candle files, storing, and the simulated market."""
