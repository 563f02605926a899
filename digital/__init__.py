"""Digital branch: golden steps as Amaranth circuits, the cores around them, and their formal specifications."""
