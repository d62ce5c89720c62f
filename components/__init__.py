"""Typed components of the stack; what is WSO2's alone is in `wso2ei`, programs for pods in `in_pod`."""
