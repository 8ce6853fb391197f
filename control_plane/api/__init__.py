"""The API: everything that may be done to objects, without a transport.

`Api` (api.py) is used in process by scheduler and controllers and, through control_plane/server, over gRPC.
It may use the store, the cache and what it is handed of clock and ids; it knows nothing of gRPC.
"""
