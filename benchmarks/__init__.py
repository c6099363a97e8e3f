"""Each prints one table, peers and ourselves in the same run."""
