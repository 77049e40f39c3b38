"""The routes of the pages. Each page's module has its routes; ``console.mounting`` puts them together."""
