"""Where bundles come from: the registry, S3 or a folder; and the disk where they are kept once verified."""
