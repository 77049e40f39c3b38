"""What each page shows: plain data made from the services, which templates lay out and decide nothing about."""
