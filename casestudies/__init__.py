"""Case studies, the themes they belong to and the reports that gather them."""
