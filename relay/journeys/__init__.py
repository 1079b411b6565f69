"""How a customer links their software: the record of a journey and the rules that move it.

Values in, values out: nothing here reads a store, asks Codat or draws a page.
"""
