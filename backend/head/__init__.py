"""Head models: what one is (`model`), how it deforms (`deform`), its UV space (`uvspace`), how the default is made."""
