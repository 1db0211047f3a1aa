"""What the platform can do, one module per noun.

Edges call these; they check politely, and the store refuses finally.
"""
