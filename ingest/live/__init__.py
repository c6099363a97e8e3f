"""What live sources share: cuts what arrives into chunks, and sends them to Redis while this process has the lease."""
