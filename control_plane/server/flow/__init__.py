"""Who is served when: a bounded number of requests at once, and turns between callers when there are more.

queue.py decides, gate.py makes requests wait for it, counting.py bounds what is open for long. A caller is a
connection; what one of them floods the server with, the others do not wait for.
"""
