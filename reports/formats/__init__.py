"""A report as files: one page of HTML, tables, figures, a Word document and one of LaTeX."""
