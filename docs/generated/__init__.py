"""How each page made from the code is put together: one file a page. Nothing here is served."""
