"""The web page that plays notes: a piano in the browser, its notes made here."""
