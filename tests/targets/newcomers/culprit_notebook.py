"""A notebook, run as Jupyter does it. The culprit is the cell's function load_table."""
import sys

import nbclient
import nbformat

CELLS = ["import json",
         "def load_table(rows):\n"
         "    return [{'id': row, 'name': 'row %d' % row} for row in range(rows)]",
         "table = load_table(300_000)",
         "len(json.dumps(table[:1000]))"]

notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
nbclient.NotebookClient(notebook, kernel_name="python3").execute()
print(notebook.cells[-1].outputs[0]["data"]["text/plain"], file=sys.stdout)
