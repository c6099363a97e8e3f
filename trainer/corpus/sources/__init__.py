"""Where clips come from: releases of Common Voice, manifests, folders of recordings, Hugging Face data sets."""
