"""`claw mcp`: the tools of `claw/wire/tools` for a model on this machine, over standard input and output.

It needs the package `mcp`, an extra of the wheel (`pip install 'moltstack-claw[mcp]'`), and nothing else here does.
"""
