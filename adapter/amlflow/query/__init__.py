"""JMESPath as a query language for runs.

What an expression says is translated as far as a tracker can search by it, the runs found are
read one by one, and jmespath evaluates the expression on their documents. The result is what
jmespath gives on the list of all documents.
"""
