"""What swapping the model under load does to the answers: mistakes, p99 beside a leg without swaps, memory."""
