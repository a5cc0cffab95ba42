"""Given names of Europe and the Americas, the most frequent of the last hundred years, and titles before names.

Source: given names of the public-domain lists of the US Social Security Administration, and names usual in Britain,
France, Germany, Italy, Spain, Portugal, Scandinavia and Poland. Most names are missing, and some that are here are
words or places as well (Will, Victoria): a given name is a hint, and only a column's counts make evidence of it.
"""

GIVEN = (
    "Aaron Abigail Adam Alain Alan Albert Alberto Alejandro Alex Alexander Alexis Alfred Alfredo Alice Alison "
    "Allison Amanda Amber Amelia Amy Ana Anders Andrea Andreas Andrew Andrzej Angela Angelo Anja Ann Anna Anne "
    "Annette Anthony Antonio António April Armando Arthur Arturo Ashley Astrid Audrey Austin Ava Barbara Beatriz "
    "Ben Benjamin Bernard Betty Beverly Bill Billy Bjorn Bob Bobby Bonnie Bradley Brandi Brandon Brandy Brenda "
    "Brian Bridget Brigitte Brittany Bruce Bryan Caitlin Candice Carl Carla Carlos Carmen Carol Carolyn Carrie "
    "Casey Cassandra Catherine Cathy Cesar Chad Charlene Charles Charlotte Cheryl Chiara Chloe Chris Christian "
    "Christina Christine Christopher Cindy Claire Clarence Claudia Cody Colin Colleen Connie Cory Courtney Craig "
    "Cristina Crystal Curtis Cynthia Dale Damian Dan Dana Daniel Danielle Danny Darren Darryl Dave David Dawn "
    "Dean Debbie Deborah Debra Denise Dennis Derek Desiree Diana Diane Diego Dolores Dominic Don Donald Donna "
    "Doris Dorothy Douglas Duane Dustin Dylan Earl Eddie Edgar Eduardo Edward Edwin Elaine Elena Elijah Elizabeth "
    "Ella Ellen Emily Emma Eric Erica Erik Erin Ernest Ethan Eugene Evan Evelyn Felicia Fernanda Fernando Fiona "
    "Frances Francesca Francesco Francis Francisco Francois Frank Fred Gabriel Gail Gary Gavin Geoffrey George "
    "Gerald Gillian Gina Giovanni Giulia Giuseppe Glen Glenda Glenn Gloria Gordon Grace Graham Greg Gregory Guy "
    "Hailey Hannah Hans Harold Harry Heather Hector Heinz Helen Helga Henry Herbert Holly Howard Hunter Ian "
    "Ingrid Isaac Isabel Isabella Isabelle Isla Ivan Jack Jacob Jacqueline Jacques Jake James Jamie Jan Jane "
    "Janet Janice Jared Jasmine Jason Javier Jay Jean Jeff Jeffrey Jenna Jennifer Jenny Jeremiah Jeremy Jermaine "
    "Jerome Jerry Jesse Jessica Jesus Jill Jim Jimmy Joan Joann Joanne Jodi Joe Joel Johan Johanna John Johnathan "
    "Johnny Jon Jonathan Jordan Jorge Jose Josefa Joseph Joshua José Joy Joyce João Juan Juanita Judith Judy "
    "Julia Julie June Justin Jürgen Kara Karen Karin Karl Katarzyna Kate Katherine Kathleen Kathryn Kathy Katie "
    "Katja Katrina Kayla Keith Kelly Kendra Kenneth Kerry Kevin Kim Kimberly Klaus Krista Kristen Kristin "
    "Kristina Kristy Krzysztof Kurt Kyle Lance Larry Lars Laura Lauren Lawrence Leah Lee Leo Leon Leonard Leslie "
    "Lily Linda Lindsay Lindsey Lisa Logan Lori Lorraine Louis Lucas Lucia Lucy Luigi Luis Luke Luís Lynn Madison "
    "Manuel Marc Marcel Marcia Marco Marcus Margaret Maria Mariana Marie Marilyn Mario Marissa Mark Marta Martha "
    "Martin Marvin Mary Mathew Matt Matthew Maureen Maurice Max Mckenzie Megan Meghan Melanie Melissa Melvin Mia "
    "Michael Micheal Michel Michelle Miguel Mike Miranda Misty Mitchell Molly Monica Monika Monique Nancy Natalie "
    "Natasha Nathalie Nathan Nathaniel Neil Nicholas Nick Nicola Nicole Nils Noah Norman Oliver Olivia Omar Oscar "
    "Pablo Paige Pamela Paolo Parker Patricia Patrick Paul Paula Pedro Penny Perry Peter Petra Philip Philippe "
    "Phillip Phyllis Pierre Pilar Piotr Preston Priscilla Rachael Rachel Rafael Ralph Randall Randy Raquel Raul "
    "Ray Raymond Rebecca Regina Renate Renee Rhonda Ricardo Richard Ricky Rita Robert Roberto Robin Rodney Roger "
    "Ronald Ronnie Rosa Rose Ross Roy Ruben Ruby Russell Ruth Ryan Sabine Sally Sam Samantha Samuel Sandra Sara "
    "Sarah Scott Sean Sergio Seth Shane Shannon Sharon Shawn Sheila Sherry Shirley Silvia Sonia Sophia Sophie "
    "Spencer Stacey Stacy Stanley Stefan Stephanie Stephen Steve Steven Stuart Sue Susan Suzanne Sylvia Sylvie "
    "Tamara Tammy Tara Teresa Terrence Terry Theodore Theresa Thomas Tiago Tiffany Timothy Tina Todd Tom Tommy "
    "Tony Tonya Tracey Tracy Travis Trevor Tristan Troy Tyler Ursula Uwe Valerie Vanessa Veronica Victor Victoria "
    "Vincent Virginia Walter Wanda Warren Wayne Wendy Wesley William Willie Wolfgang Xavier Yvonne Zachary Zoe"
)
