"""What two Undertext processes must agree on at run time: messages, keys, the queue, the caption log.

Every service imports this package and no other service. It depends on redis, rq and prometheus-client, never on torch.
"""
