"""How a customer links their software: journey, stages, attempts. Pure rules, no pages."""
