"""Photos of one person against each other: the same skin, seen from several sides, says where it is."""
