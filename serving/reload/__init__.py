"""Following what is published: models, history snapshots, policies; trying them, taking them, undoing them."""
