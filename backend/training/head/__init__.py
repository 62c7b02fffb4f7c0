"""Makes the default head from open data; needs the `head` dependency group."""
