"""The steps, in order. Each fills a folder from the folders of earlier ones, and from nothing else."""
